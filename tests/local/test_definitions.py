"""Definitions of kinds as they are read from a folder: what an API server gets of them."""

from pathlib import Path

from harvester_local.plane.definitions import read_definitions

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec:
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        description: a thing
        properties:
          description: {type: string, description: what it is for}
          parts: {type: array, items: {description: a part, required: [description]}}
status: {conditions: []}
"""


def test_the_schemas_lose_their_texts_and_keep_their_fields(tmp_path: Path) -> None:
    (tmp_path / "things.yaml").write_text(DEFINITION)
    (found,) = read_definitions(tmp_path)
    schema = {"properties": {"description": {"type": "string"}, "parts": {"type": "array", "items": {"required": ["description"]}}}}
    assert found["spec"]["versions"] == [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]
    assert "status" not in found
