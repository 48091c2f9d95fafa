"""The words of the provider: references, plans, problems, verdicts and errors.

Everything here is plain values and the standard library. Nothing does I/O, nothing knows a kind, Pulumi or Kubernetes'
client. Every other package may import this one; this one imports none of them.
"""
