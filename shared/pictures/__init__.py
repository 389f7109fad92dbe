"""Where everything is rendered, and nothing else: from source bytes to the picture for Business Central."""
