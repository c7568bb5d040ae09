"""The Lambda functions, one file each: decode, call, encode.

All that change a run go through the one door, `advance.py`. `service.py` puts the adapters together once for each
process; `requests.py` checks requests and turns refusals into answers.
"""
