"""The Lambda functions, one file each: decode, call, encode.

What they share lies in `runs`. `service.py` puts the adapters together once for each process; `requests.py` checks
requests and turns refusals into answers.
"""
