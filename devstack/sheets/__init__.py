"""The sheet in the documents that compares the usual sample code with the app."""
