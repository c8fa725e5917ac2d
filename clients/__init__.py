"""Clients of the API in other languages; their types are generated from its description.

| part | its one job |
|---|---|
| description | the part of the API's description that clients are made from |
| building | Node, the packages of a lock file, generating and compiling: `python -m clients` |
| typescript/ | the client for browsers and Node |
"""
