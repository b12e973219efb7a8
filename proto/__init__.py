"""The contract: what Eunoe promises, and the tools that keep the promise and the code together."""
