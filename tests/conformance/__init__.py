"""`make conformance`: the end-to-end cases on Harvester's own control plane. What it cannot show, and why: docs/conformance.md."""
