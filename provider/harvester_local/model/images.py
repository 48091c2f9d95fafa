"""Names that VirtualMachineImages and their storage classes share between controllers and admission."""

DISPLAY_NAME_LABEL = "harvesterhci.io/imageDisplayName"
STORAGE_CLASS_ANNOTATION = "harvesterhci.io/storageClassName"
LONGHORN = "driver.longhorn.io"
