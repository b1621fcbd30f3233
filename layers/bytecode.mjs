// Compile every Python source below a folder for the Lambda runtime: node layers/bytecode.mjs FOLDER PREFIX
//
// Byte-code belongs to one Python version, and the machine that builds need not have that one. Pyodide is CPython 3.13
// as WebAssembly, pinned by package-lock.json, so the bytes are the same wherever they are made. They never ask for
// their source's date ("unchecked"): layers are read-only, and dates are not part of what is built.
import { readdirSync, readFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { loadPyodide } from "pyodide";

const [folder, prefix] = process.argv.slice(2);
const python = await loadPyodide({ env: { PYTHONHASHSEED: "0" } });
const compile = python.runPython(`
import sys
from importlib.util import source_hash
from importlib._bootstrap_external import _code_to_hash_pyc

def compiled(source, name):
    source = source.to_bytes()
    code = compile(source, name, "exec", dont_inherit=True)
    return bytes(_code_to_hash_pyc(code, source_hash(source), checked=False))

compiled
`);
const tag = python.runPython("sys.implementation.cache_tag");

const sources = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".py"))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  .sort();
for (const path of sources) {
  const name = [prefix, ...relative(folder, path).split(sep)].join("/");
  const answer = compile(new Uint8Array(readFileSync(path)), name);
  const cache = join(dirname(path), "__pycache__");
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, `${basename(path, ".py")}.${tag}.pyc`), answer.toJs());
  answer.destroy();
}
