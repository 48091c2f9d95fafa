"""All controllers together: the one place that lists them and starts their queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from harvester_local.api.client import Api
from harvester_local.controllers.addons import Addons
from harvester_local.controllers.backup_stores import Stores
from harvester_local.controllers.backup_targets import BackupTargets
from harvester_local.controllers.backups import Backups
from harvester_local.controllers.cdi_images import CdiImages
from harvester_local.controllers.cluster_machines import ClusterMachines
from harvester_local.controllers.data_volumes import DataVolumes
from harvester_local.controllers.devices import LinkMonitors, PciDeviceClaims, UsbDeviceClaims
from harvester_local.controllers.events import Recorder
from harvester_local.controllers.gpus import SriovGpus, VirtualGpus
from harvester_local.controllers.guest_clusters import GuestClusters
from harvester_local.controllers.images import Images
from harvester_local.controllers.instances import Instances
from harvester_local.controllers.keypairs import KeyPairs
from harvester_local.controllers.load_balancers import IpPools, LoadBalancers
from harvester_local.controllers.machine_pools import MachinePools
from harvester_local.controllers.machines import Machines
from harvester_local.controllers.maintenance import Maintenance
from harvester_local.controllers.migrations import Migrations, WorkloadUpdates
from harvester_local.controllers.networks import ClusterNetworks, Networks, Uplinks
from harvester_local.controllers.operators import Operators, Workloads
from harvester_local.controllers.power_actions import Inventories
from harvester_local.controllers.rancher_clusters import RancherClusters
from harvester_local.controllers.rancher_drains import RancherDrains
from harvester_local.controllers.restores import Restores
from harvester_local.controllers.runtime import Context, Controller, Runner
from harvester_local.controllers.saved_images import SavedImages
from harvester_local.controllers.schedules import Schedules
from harvester_local.controllers.scheduling import Scheduler
from harvester_local.controllers.snapshots import Snapshots
from harvester_local.controllers.storage_migrations import StorageMigrations
from harvester_local.controllers.support_bundles import SupportBundles
from harvester_local.controllers.templates import Templates, TemplateVersions
from harvester_local.controllers.upgrades import Upgrades
from harvester_local.controllers.uploads import Uploads
from harvester_local.controllers.volume_templates import VolumeTemplates
from harvester_local.controllers.volumes import Volumes


@asynccontextmanager
async def control(
    context: Context, outside: aiohttp.ClientSession, uploads: Uploads, callers: Api, guests: GuestClusters
) -> AsyncIterator[Runner]:
    """Within the block every change in the store reaches the controllers it concerns, through the runner it gives.

    `outside` fetches images, `callers` reaches the API server with the credentials of others.
    """
    recorder, scheduler = Recorder(context.api), Scheduler(context.store)
    stores = Stores(context)
    saved_images = SavedImages(context, stores)
    images, backups = Images(context, outside, uploads, saved_images), Backups(context, stores, saved_images)
    cdi_images, data_volumes = CdiImages(context, outside, uploads), DataVolumes(context, outside, uploads)
    everywhere: list[Controller] = [
        Volumes(context, recorder),
        data_volumes,
        Machines(context, recorder),
        Instances(context, recorder, scheduler),
        Migrations(context, scheduler),
        WorkloadUpdates(context),
        Workloads(context),
        Operators(context),
    ]
    harvester: list[Controller] = [
        images,
        cdi_images,
        BackupTargets(context, stores, saved_images),
        backups,
        Restores(context, stores, recorder),
        Schedules(context),
        KeyPairs(context),
        Uplinks(context),
        ClusterNetworks(context),
        Networks(context),
        guests,
        RancherClusters(context),
        RancherDrains(context, guests),
        MachinePools(context),
        ClusterMachines(context, callers, guests),
        IpPools(context),
        LoadBalancers(context),
        Snapshots(context),
        VolumeTemplates(context),
        StorageMigrations(context),
        Templates(context),
        TemplateVersions(context),
        Addons(context),
        Maintenance(context),
        Upgrades(context),
        SupportBundles(context),
        LinkMonitors(context),
        PciDeviceClaims(context),
        UsbDeviceClaims(context),
        SriovGpus(context),
        VirtualGpus(context),
        Inventories(context),
    ]
    of_flavor = [] if context.settings.flavor == "kubevirt" else harvester
    runner = Runner([*of_flavor, *everywhere], context.settings.jitter())
    context.store.listen(runner.listen)
    try:
        yield runner
    finally:
        await runner.stop()
        await images.close()
        await cdi_images.close()
        await data_volumes.close()
        await guests.close()
        await backups.close()
