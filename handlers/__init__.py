"""The Lambda functions, one file each: decode, call, encode.

Their common code is in `runs`. `service.py` connects the adapters once for each process; `requests.py` checks
requests and turns refusals into answers.
"""
