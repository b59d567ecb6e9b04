"""What the front door costs, measured beside a bare forwarder and a peer: `make bench`."""
