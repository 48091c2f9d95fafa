"""The hosts: Pulumi's dynamic provider, and later the native plugin. They translate and never decide."""
