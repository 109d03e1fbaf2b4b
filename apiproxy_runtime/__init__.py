"""The open runtime for Apigee proxy bundles."""

__version__ = "0.1.0"
