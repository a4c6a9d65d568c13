# A reader of UCI files with the interface of OpenWrt's /lib/functions.sh, as far as ours need it.
# shellcheck shell=dash

CONFIG_SECTIONS=
CONFIG_SECTION=
CONFIG_NUMBER=0

# config_load NAME: makes each line of the file a call of one of the functions below, as OpenWrt does
# with what `uci export` prints. A script that has a function of such a name breaks it.
config_load() {
	local statements
	CONFIG_SECTIONS=
	CONFIG_NUMBER=0
	statements=$(awk -f /lib/functions/uci.awk "/etc/config/$1") || return 1
	eval "$statements"
}

package() {
	return 0
}

config() {
	CONFIG_NUMBER=$((CONFIG_NUMBER + 1))
	CONFIG_SECTION=${2:-cfg$CONFIG_NUMBER}
	CONFIG_SECTIONS="$CONFIG_SECTIONS $CONFIG_SECTION"
	config_set "$CONFIG_SECTION" TYPE "$1"
}

option() {
	config_set "$CONFIG_SECTION" "$1" "$2"
}

list() {
	local length all
	config_get length "$CONFIG_SECTION" "$1_LENGTH" 0
	length=$((length + 1))
	config_set "$CONFIG_SECTION" "$1_LENGTH" "$length"
	config_set "$CONFIG_SECTION" "$1_ITEM$length" "$2"
	config_get all "$CONFIG_SECTION" "$1"
	config_set "$CONFIG_SECTION" "$1" "${all:+$all }$2"
}

config_set() {
	eval "CONFIG_$1_$2=\$3"
}

# config_get VARIABLE SECTION OPTION [DEFAULT]
config_get() {
	eval "$1=\${CONFIG_$2_$3:-\$4}"
}

config_foreach() {
	local function=$1 type=$2 section is
	shift 2
	for section in $CONFIG_SECTIONS; do
		config_get is "$section" TYPE
		[ "$is" != "$type" ] || "$function" "$section" "$@"
	done
}

config_list_foreach() {
	local section=$1 option=$2 function=$3 length number=1 item
	shift 3
	config_get length "$section" "${option}_LENGTH" 0
	while [ "$number" -le "$length" ]; do
		config_get item "$section" "${option}_ITEM$number"
		"$function" "$item" "$@"
		number=$((number + 1))
	done
}

### Users

group_exists() {
	grep -q "^$1:" /etc/group
}

user_exists() {
	grep -q "^$1:" /etc/passwd
}

group_add() {
	echo "$1:x:$2:" >>/etc/group
}

user_add() {
	echo "$1:x:$2:$3:$1:/var/run/$1:/bin/false" >>/etc/passwd
}

# Makes the user that the package of this name asks for.
add_group_and_user() {
	# Set by whoever calls this.
	# shellcheck disable=SC2154
	local wanted=$root/lib/apk/packages/$pkgname.rusers name
	[ -e "$wanted" ] || return 1
	IFS='=:' read -r name _ <"$wanted"
	group_add "$name" 6969
	user_add "$name" 6969 6969
}
