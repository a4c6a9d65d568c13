# Writes down in /record what procd would be told: a line for each call, its words between tabs. Which
# instances run is in /running.
# shellcheck shell=dash

record() {
	local line=$1 word
	shift
	for word in "$@"; do
		line="$line	$word"
	done
	printf '%s\n' "$line" >>/record
}

# each_word WORD...: as procd.sh does, which takes apart what has blanks.
each_word() {
	local what=$1 word
	shift
	# shellcheck disable=SC2048
	for word in $*; do
		record "$what" "$word"
	done
}

procd_open_service() { record open_service "$1"; }
procd_close_service() {
	service_triggers
	record close_service "$1"
}
procd_open_instance() { record instance "$1"; }
procd_close_instance() { record close_instance; }
procd_set_param() { record param "$@"; }
procd_add_jail() { record jail "$@"; }
procd_add_jail_mount() { each_word mount_ro "$@"; }
procd_add_jail_mount_rw() { each_word mount_rw "$@"; }
procd_open_data() { record data; }
procd_close_data() { record close_data; }
json_add_array() { record array "$1"; }
json_close_array() { record close_array; }
json_add_object() { record object "$1"; }
json_close_object() { record close_object; }
json_add_string() { record string "$1" "$2"; }
procd_add_mdns_service() { record mdns_service "$@"; }
procd_add_reload_trigger() { record reload_trigger "$@"; }
procd_open_trigger() { return 0; }
procd_close_trigger() { return 0; }
procd_add_interface_trigger() { record interface_trigger "$@"; }
procd_add_reload_mount_trigger() { record mount_trigger "$@"; }
procd_set_config_changed() { record config_changed "$@"; }
procd_send_signal() { record signal "$@"; }
procd_kill() { record kill "$@"; }
procd_running() { grep -q "^$2\$" /running; }
