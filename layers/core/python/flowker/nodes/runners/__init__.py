"""How each provider is called, one file each: from a node and its provider configuration to an HTTP request, and back."""
