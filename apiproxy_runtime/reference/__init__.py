"""What can be looked up: policies, faults and flow variables, told by the code that implements them.

`apiproxy explain` and the pages in docs/reference are written from here.
"""
