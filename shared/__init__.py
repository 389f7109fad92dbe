"""Item Picture Sync: product images from a blob container onto the items of Business Central."""

__version__ = "0.1.0"
