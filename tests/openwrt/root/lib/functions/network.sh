# What netifd would know of interfaces, from /network: lines of a name, a kind and values.
# shellcheck shell=dash

# of_network VARIABLE INTERFACE KIND FIRST: sets the variable; fails if there is nothing to set it to.
of_network() {
	local found
	found=$(awk -v name="$2" -v kind="$3" -v only="$4" '$1 == name && $2 == kind {
		line = $3
		for (nth = 4; nth <= NF && !only; nth++) line = line " " $nth
		print line
		exit
	}' /network)
	eval "$1=\$found"
	[ -n "$found" ]
}

network_get_ipaddr() {
	of_network "$1" "$2" ipaddrs 1
}

network_get_ipaddr6() {
	of_network "$1" "$2" ipaddrs6 1
}

network_get_ipaddrs() {
	of_network "$1" "$2" ipaddrs 0
}

network_get_ipaddrs6() {
	of_network "$1" "$2" ipaddrs6 0
}

network_get_subnets() {
	of_network "$1" "$2" subnets 0
}

network_get_subnets6() {
	of_network "$1" "$2" subnets6 0
}

network_flush_cache() {
	return 0
}
