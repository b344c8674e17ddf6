"""Run the program with the real Pulumi engine and the project's own provider: no AWS, no account."""
