from collections import OrderedDict


def types():
    return OrderedDict([("QAPI_RUN_STATES", 15), ("QAPI_ERRORS", 3)])
