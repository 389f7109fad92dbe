"""The pictures account: uploads, archive and quarantine, item records."""
