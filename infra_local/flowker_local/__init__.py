"""One machine as Flowker's home: gateway, worker processes, embedded engine and SQLite stores behind the package's ports.

main process    uvicorn -> gateway -> pool -> (socket pair) -> worker processes: the HTTP functions, one event at a time
                engine -> run_node in threads; SQLite, one writer thread with group commit
zygote          imports the functions once, then forks a worker whenever all are busy
"""
