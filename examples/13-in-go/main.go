// An image, a VLAN network and a virtual machine with an address: 01-first-vm, in Go, through the plugin.
//
// Settings are in Pulumi.yaml. The SDK is generated from the plugin: see README.md.
package main

import (
	"example.com/pulumi-harvester/sdk/go/harvester"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(program)
}

func program(ctx *pulumi.Context) error {
	settings := config.New(ctx, "")
	namespace := pulumi.String(settings.Require("namespace"))
	name := func(of string) pulumi.String { return pulumi.String(ctx.Stack() + "-" + of) } // several stacks can share a cluster

	image, err := harvester.NewImage(ctx, "leap", &harvester.ImageArgs{
		Name: name("leap"), Namespace: namespace, Url: pulumi.String(settings.Require("imageUrl")),
	})
	if err != nil {
		return err
	}
	network, err := harvester.NewVlanNetwork(ctx, "servers", &harvester.VlanNetworkArgs{
		Name:           name("servers"),
		Namespace:      namespace,
		ClusterNetwork: pulumi.String(settings.Require("clusterNetwork")),
		VlanId:         pulumi.Int(settings.RequireInt("vlan")),
	})
	if err != nil {
		return err
	}
	vm, err := harvester.NewVirtualMachine(ctx, "first", &harvester.VirtualMachineArgs{
		Name:      name("first"),
		Namespace: namespace,
		Cpu:       pulumi.Int(2),
		Memory:    pulumi.String(settings.Require("memory")),
		Disks: harvester.DiskArray{
			// A volume outlives its machine unless it says otherwise. In an example, nothing is worth keeping.
			harvester.DiskArgs{
				Name: pulumi.String("root"), Image: image.ID(), Size: pulumi.String("20Gi"),
				BootOrder: pulumi.Int(1), OnDelete: harvester.DiskOnDeleteDelete,
			},
		},
		NetworkInterfaces: harvester.NetworkInterfaceArray{
			harvester.NetworkInterfaceArgs{Name: pulumi.String("default")}, // the management network
			harvester.NetworkInterfaceArgs{Name: pulumi.String("servers"), Network: network.ID()},
		},
		CloudInit: harvester.CloudInitDriveArgs{UserData: settings.RequireSecret("userData")},
		WaitFor:   harvester.VirtualMachineWaitForAddress,
	})
	if err != nil {
		return err
	}
	nodes, err := harvester.GetNodes(ctx, &harvester.GetNodesArgs{}, nil)
	if err != nil {
		return err
	}
	ctx.Export("name", vm.Name)
	ctx.Export("ipAddress", vm.IpAddress)
	ctx.Export("node", vm.NodeName)
	ctx.Export("nodes", pulumi.Int(len(nodes.Nodes)))
	return nil
}
