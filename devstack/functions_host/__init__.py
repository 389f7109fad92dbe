"""The stand-in for the Azure Functions host: a host process and its worker process."""
