"""One module a target: `check(data, folder)` gives the bytes `data` to the code that reads them from strangers."""
