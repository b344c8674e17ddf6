"""The program, run by the real Pulumi engine against a provider of the project's own: no AWS, no account."""
