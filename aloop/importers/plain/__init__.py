"""Lists of messages in the shapes of APIs and data sets: one module for each."""
