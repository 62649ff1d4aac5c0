"""One function a verb: options in, work called, what is to be said printed, the exit status out."""
