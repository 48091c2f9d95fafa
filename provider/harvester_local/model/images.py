"""Names that VirtualMachineImages and their storage classes share between controllers and admission."""

DISPLAY_NAME_LABEL = "harvesterhci.io/imageDisplayName"
STORAGE_CLASS_ANNOTATION = "harvesterhci.io/storageClassName"
LONGHORN = "driver.longhorn.io"
CDI_MODES = "cdi.harvesterhci.io/storageProfileVolumeModeAccessModes"
"""Annotation of a class: access modes by volume mode, for CDI."""
