"""The operator's command line: ``item-pictures``. It is never deployed, and the app never imports it."""
