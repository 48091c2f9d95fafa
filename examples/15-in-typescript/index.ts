// An image, a VLAN network and a virtual machine with an address: 01-first-vm, in TypeScript, through the plugin.
//
// Settings are in Pulumi.yaml. The SDK is generated from the plugin: see README.md.
import * as pulumi from "@pulumi/pulumi";
import * as harvester from "pulumi-harvester";

const config = new pulumi.Config();
const namespace = config.require("namespace");
const prefix = pulumi.getStack(); // several stacks can share a cluster

const image = new harvester.Image("leap", { name: `${prefix}-leap`, namespace, url: config.require("imageUrl") });

const network = new harvester.VlanNetwork("servers", {
    name: `${prefix}-servers`,
    namespace,
    clusterNetwork: config.require("clusterNetwork"),
    vlanId: config.requireNumber("vlan"),
});

const vm = new harvester.VirtualMachine("first", {
    name: `${prefix}-first`,
    namespace,
    cpu: 2,
    memory: config.require("memory"),
    // A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
    disks: [{ name: "root", image: image.id, size: "20Gi", bootOrder: 1, onDelete: "delete" }],
    networkInterfaces: [
        { name: "default" }, // the management network
        { name: "servers", network: network.id },
    ],
    cloudInit: { userData: config.requireSecret("userData") },
    waitFor: "address",
});

export const name = vm.name;
export const ipAddress = vm.ipAddress;
export const node = vm.nodeName;
export const nodes = harvester.getNodesOutput().nodes.apply((found) => found.length);
