"""Convert session records to YAML text and back."""
