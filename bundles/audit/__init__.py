"""`make audit`: look up known vulnerabilities of everything that the project locks.

It fails closed: a package counts as audited only if the service answered for it. A package that pip-audit
skips does not count. It skips one that the index does not know, or whose marker does not fit this machine.
"""
