"""What is on disk: manifests, digests, versions and which of them is current."""
