"""The public API, in OpenAI's form, so that any client made for that can talk to Outrider."""
