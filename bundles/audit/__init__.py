"""`make audit`: are there known vulnerabilities in anything that the project locks?

It fails closed. Only a package that the service answered for counts as audited. One that pip-audit skips, for
the index does not know it or its marker does not fit the machine that asks, does not.
"""
