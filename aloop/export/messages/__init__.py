"""Export a session as messages in the formats of APIs and data sets."""
