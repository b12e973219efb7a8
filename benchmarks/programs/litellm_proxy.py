"""The LiteLLM proxy, by the interpreter of its own environment; its arguments are LiteLLM's."""

from litellm import run_server

run_server()
