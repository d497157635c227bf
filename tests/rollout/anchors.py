"""How other tools fail, as their sources, issues and our probes show, and the test that holds opskit to do better.

A line is: tool and issue | what fails there | tests, or "elsewhere:" and whose work it is. Tests are named from this folder's
parent on; `test_anchors.py` looks whether they exist.
"""

from __future__ import annotations

ANCHORS = """
Kamal | Ctrl-C leaves the lock behind | rollout/test_interrupt.py::test_once_finishes_the_batch_and_stops rollout/test_interrupt.py::test_twice_stops_now_and_says_what_runs_where
Kamal, bike_index#4313 | a cancelled run holds its lock for four weeks | rollout/test_locks.py::test_a_lock_of_a_run_killed_elsewhere_ends_by_itself rollout/test_locks.py::test_a_lock_of_a_run_killed_here_is_taken_over
Kamal | the intention is recorded as the fact: a failed boot was "Booted" | rollout/test_deploy.py::test_a_bad_version_stops_at_the_canary_which_goes_back rollout/test_recorder.py::test_a_run_stands_in_the_changelog
Kamal | a rollback has no line of its own | rollout/test_rollback.py::test_a_rollback_goes_to_the_version_before
Kamal#1658 | `rollback --help` takes the lock on production | rollout/test_anchors.py::test_help_behind_a_rollback_asks_no_host
Kamal | no notion of a version that was good | rollout/test_rollback.py::test_what_was_bad_is_skipped_not_returned_to
Capistrano | a rollback goes by the time of a folder, so that a log file decides | rollout/test_anchors.py::test_what_was_written_into_an_old_release_changes_no_goal
Capistrano | the second rollback does nothing, says success, and deletes the good release | rollout/test_rollback.py::test_two_rollbacks_go_two_versions_back_and_a_third_finds_nothing
Capistrano | the line of a rollback has no time and no "from" | rollout/test_rollback.py::test_a_rollback_goes_to_the_version_before cli/test_log.py::test_a_line_tells_who_did_what_where_why_and_what_came_of_it
Capistrano | a user or branch called $(...) is run on the host | rollout/test_anchors.py::test_who_and_why_are_never_commands_on_a_host rollout/test_nasty_names.py::test_tags_of_any_name_can_be_deployed
SSHKit | the first failure loses the other hosts' results | rollout/test_deploy.py::test_a_failure_in_a_later_batch_leaves_a_part_done fleet/test_fanout.py::test_one_hosts_error_even_a_bug_is_only_its_own
Capistrano | git on the hosts checks no host key | rollout/test_faults.py::test_an_unknown_and_a_changed_host_key_are_refused
Deployer | two take the lock at once, 208 of 300 times | rollout/test_lock_scripts.py::test_of_many_at_the_same_moment_never_two_hold_the_host rollout/test_locks.py::test_two_at_the_same_moment_never_both_win
Deployer | a failed deploy leaves the lock | rollout/test_deploy.py::test_a_bad_version_stops_at_the_canary_which_goes_back
Deployer | the lock does not say since when and why | rollout/test_locks.py::test_a_second_rollout_is_told_who_holds_the_hosts
Deployer | outcomes and rollbacks are not in the history | rollout/test_rollback.py::test_a_rollback_goes_to_the_version_before rollout/test_deploy.py::test_a_bad_version_stops_at_the_canary_which_goes_back
mina | the bad release is deleted, and the evidence with it | rollout/test_rollback.py::test_a_rollback_goes_to_the_version_before
mina | the switch is not atomic | rollout/test_deploy.py::test_a_reader_of_current_never_sees_it_missing rollout/test_scripts.py::test_whoever_looks_sees_the_old_release_or_the_new_one_never_none
mina | a rollback picks by name and ignores what is live | rollout/test_rollback.py::test_a_rollback_of_what_was_rolled_back_and_deployed_again
Ansible | the failure budget must be exceeded, is per batch, and counts no unreachable host | rollout/test_roll.py::test_the_gate rollout/test_faults.py::test_a_host_that_is_down_may_be_within_the_budget rollout/test_roll.py::test_every_host_has_one_end_and_a_bad_change_reaches_no_more_than_was_said
pyinfra#1195 | batches are not fail-fast | rollout/test_deploy.py::test_a_bad_version_stops_at_the_canary_which_goes_back
Deployinator | a failed deploy is announced as complete | rollout/test_report.py::test_0_means_that_all_is_done_and_nothing_else
Ansible#82267 | a batch that fails as a whole ends the run, whatever the budget says | rollout/test_anchors.py::test_a_batch_that_fails_as_a_whole_counts_as_the_hosts_that_it_has
Deployer | each run calls home | rollout/test_anchors.py::test_nobody_is_called_but_the_hosts
Deployer | a release is logged before it exists | rollout/test_roll.py::test_no_host_is_touched_before_it_is_written_that_its_batch_begins rollout/test_scripts.py::test_the_switch_leaves_the_receipt_and_makes_the_release_live
Deployer | only the last 300 lines of the log are read, and nobody says so | cli/test_log.py::test_a_limit_that_hides_something_says_so
Deployer, Capistrano | who it was is what a variable says, and nobody signs it | changelog/test_claims.py::test_who_forges_events_of_a_rollout_changes_nothing_of_it changelog/test_attestation.py::test_the_key_in_the_home_folder_that_the_file_knows_enrols
Deployer | the commit is unknown once its folder is gone | rollout/test_recorder.py::test_a_run_stands_in_the_changelog
Deployinator | reasons and branches split the lines of its log | rollout/test_nasty_names.py::test_a_reason_is_kept_as_it_is_and_shown_harmless
runbook | nothing is left of an execution | elsewhere: runbooks
Fabric | a serial group goes on after a failure | rollout/test_deploy.py::test_a_bad_version_stops_at_the_canary_which_goes_back
Fabric | Ctrl-C loses all results so far | fleet/test_fanout.py::test_a_ctrl_c_while_waiting_loses_no_outcome_and_leaves_nothing_running
Fabric | 400 hosts are 400 logins at once | rollout/test_max_startups.py::test_many_logins_at_once_are_made_in_the_end fleet/test_fanout.py::test_never_more_hosts_at_once_than_allowed
Fabric | two hosts of one address are one result | fleet/test_connecting.py::test_two_names_of_one_address_stay_two_results
Fabric#1804, #2071 | an unknown and even a changed host key is accepted | fleet/test_connecting.py::test_an_unknown_host_key_is_refused_with_the_command_that_accepts_it fleet/test_connecting.py::test_a_changed_or_revoked_host_key_is_refused
Fabric | a connection has no time limit | fleet/test_connecting.py::test_a_server_that_accepts_and_says_nothing_is_given_up_in_time fleet/test_connecting.py::test_a_server_that_stops_in_the_handshake_is_given_up_in_time
Fabric | a session is waited for an hour on a dead host | fleet/test_connecting.py::test_a_server_frozen_after_login_is_given_up_in_time
Fabric#2268 | after Ctrl-C the remote command runs on | rollout/test_once.py::test_ctrl_c_ends_the_command_on_every_host rollout/test_once.py::test_ctrl_c_ends_a_task_and_what_it_runs
Fabric#2002 | a time limit leaves the remote process alive | rollout/test_once.py::test_a_time_limit_ends_all_processes_of_the_command
Fabric | env= is injected into a shell and shown by ps | fleet/test_execute.py::test_environment_and_script_stand_in_no_process_list
invoke#459, Fabric#2091 | cd() and a prefix break commands | fleet/test_tasks.py::test_cd_prefix_local_and_hide_work
Fabric | one dead host holds a group for ever | rollout/test_faults.py::test_a_host_that_hangs_is_given_up_in_time rollout/test_bad_fleet.py::test_one_host_in_twenty_goes_bad
Fabric#1469 | in parallel, the bad deploy reaches all before anything stops it | rollout/test_roll.py::test_every_host_has_one_end_and_a_bad_change_reaches_no_more_than_was_said
Fabric (pool size), fabric#46 | no batches of so many with a question between them | rollout/test_gates.py::test_what_the_gate_says_stops_the_run_before_the_next_batch rollout/test_gates.py::test_a_pause_is_told_and_ctrl_c_ends_it
Fabric#2340, OpenSSH | too many keys in the agent, and it is not said | fleet/test_connecting.py::test_too_many_keys_name_the_way_out
invoke#503 | flags and environment of sudo | fleet/test_sudo.py::test_a_command_runs_as_root_in_the_folder_where_it_was_left_with_its_variables
Fabric#1594, #1786 | no roles | fleet/test_selectors.py::test_a_selector_names_hosts_in_inventory_order
Fabric#1992, #2010, #2262, #2203 | each host behind a bastion opens it anew, several hops fail | fleet/test_jump.py::test_all_targets_share_one_connection_to_the_jump_host fleet/test_jump.py::test_several_hops_are_gone_one_after_the_other
Fabric#2340 | an agent with an encrypted key fails | fleet/test_connecting.py::test_a_locked_key_says_how_to_unlock_it_and_works_from_an_agent
Fabric#2197, #1475, #1384, #1807, #2160, #2146 | a lost host hangs a command for an hour | rollout/test_dropped_route.py::test_a_route_that_is_dropped_in_the_restart fleet/test_execute.py::test_a_server_that_stands_still_is_given_up_after_three_keepalives
Fabric#1809, #1337 | bad hosts cannot be skipped, nor their list run again | rollout/test_retry.py::test_the_printed_command_does_the_rest_and_the_log_shows_the_tie
invoke#15 | output of many hosts is mixed | rollout/test_once.py::test_equal_output_is_shown_once_under_its_hosts
Kamal#1844 | nobody can wait for a lock | rollout/test_together.py::test_who_waits_says_for_whom_and_gets_his_turn rollout/test_together.py::test_waiting_has_an_end
Kamal#1930 | the lock ends before the last step | rollout/test_interrupt.py::test_killed_at_any_moment_hosts_run_the_old_or_the_new_whole
Kamal#755 | the lock is held while building | rollout/test_deploy.py::test_a_failed_build_is_recorded_and_touches_no_host
Kamal#689, Capistrano#1424 | two deploys at once break the application | rollout/test_locks.py::test_a_second_rollout_is_told_who_holds_the_hosts
Deployer#1368, #3335, laravel-deployer#10 | Ctrl-C or a cancelled job leaves the lock | rollout/test_interrupt.py::test_twice_stops_now_and_says_what_runs_where
Shipit#254 | locks on each host deadlock: each run holds half of them | rollout/test_locks.py::test_two_at_the_same_moment_never_both_win rollout/test_locks.py::test_only_shared_hosts_are_in_the_way
bosh-cli#237, hawk#888 | nobody says who holds the lock, for how long, and what clears it | rollout/test_locks.py::test_a_second_rollout_is_told_who_holds_the_hosts cli/test_unlock.py::test_a_lock_is_broken_with_a_reason_and_on_the_record
subrouter#149 | a dead owner's lock stays | rollout/test_locks.py::test_a_lock_of_a_run_killed_elsewhere_ends_by_itself
Kamal#1658, #1677, #1766 | in the "oh no" moment nobody knows the version to go back to | rollout/test_rollback_to.py::test_somebody_picks_by_number_on_a_narrow_screen_without_colour rollout/test_rollback_to.py::test_in_a_pipe_a_pick_is_refused_and_the_list_is_shown
Capistrano#1885 | a failed deploy removes the good release before it | rollout/test_anchors.py::test_five_failed_deploys_evict_no_good_release
Capistrano#351 | Ctrl-C leaves half releases that a rollback picks | rollout/test_anchors.py::test_half_a_release_is_no_way_back rollout/test_rollback_to.py::test_a_release_that_was_never_live_is_none_to_go_back_to
Capistrano#514 | the wrong release is linked | rollout/test_scripts.py::test_the_switch_leaves_the_receipt_and_makes_the_release_live
Capistrano#1155 | hosts that missed a deploy go to another "second to last" | rollout/test_rollback.py::test_each_host_goes_back_to_its_own_last_good_version
Capistrano#124 | the laptop's clock names releases | rollout/test_deploy.py::test_names_of_releases_tell_the_time_of_the_hosts rollout/test_deploy.py::test_names_of_releases_sort_as_they_were_made_whatever_the_clocks_say
Capistrano#860 | a failure is not undone on the host | rollout/test_deploy.py::test_a_bad_version_stops_at_the_canary_which_goes_back
Deployer#814 | five failed deploys evict every good release | rollout/test_anchors.py::test_five_failed_deploys_evict_no_good_release rollout/test_prune.py::test_neither_the_live_one_nor_the_one_to_go_back_to_ever_goes
Deployer#4115, #4114 | a rollback goes to a release that was never finished | rollout/test_anchors.py::test_half_a_release_is_no_way_back
Deployer#2052 | nothing to go back to is exit code 0 | rollout/test_rollback.py::test_a_host_never_deployed_to_has_nothing_to_go_back_to
Deployer#903, #1182 | the second rollback leaves a broken link | rollout/test_rollback.py::test_two_rollbacks_go_two_versions_back_and_a_third_finds_nothing
shipit-deploy#22 | A good, B bad, C bad: a rollback goes to B | rollout/test_rollback.py::test_what_was_bad_is_skipped_not_returned_to
Samson#2366 | the last deployed version is a failed one | rollout/test_rollback.py::test_what_was_bad_is_skipped_not_returned_to
Shipit#670, #285, #300 | "rollback this" or "rollback to this"? | rollout/test_rollback_to.py::test_a_rollback_goes_to_what_is_named
magento2#111 | nobody sees whether a rollback would be of code alone | rollout/test_rollback_to.py::test_a_rollback_over_what_cannot_be_taken_back_is_refused_without_a_reason
Deployer#3172, #3671, #3827 | one bad host of 15 ends an hour's run | rollout/test_deploy.py::test_a_budget_of_one_failure_lets_one_host_fail
Capistrano#1498 | a host that does not answer cannot be left out | rollout/test_faults.py::test_a_host_that_is_down_may_be_within_the_budget
Capistrano#1529 | out of rotation, deploy, smoke test, in | rollout/test_drain.py::test_a_host_is_out_while_it_is_changed_and_back_before_the_next rollout/test_load.py::test_a_rolling_deploy_fails_no_request
capistrano_deploy_lock#9 | does the lock stand on the source or on the target? | rollout/test_locks.py::test_only_shared_hosts_are_in_the_way
HAProxy | to drain the last server is 503 for everybody at once | rollout/test_drain.py::test_the_last_server_is_never_drained rollout/test_spare.py::test_as_many_as_can_be_spared_and_no_more
HAProxy | two who look before they drain leave none | rollout/test_drain.py::test_two_engineers_never_leave_a_backend_with_none rollout/test_turn.py::test_of_many_at_the_same_moment_never_two_have_it
HAProxy | requests that run are cut off by a restart | rollout/test_drain.py::test_it_waits_until_the_last_session_is_over rollout/test_load.py::test_a_rolling_restart_fails_no_request
HAProxy | a run that dies leaves its server in drain for ever | rollout/test_drain_killed.py::test_killed_at_any_step_and_resumed_no_host_stays_out rollout/test_drain.py::test_after_a_kill_another_run_resumes_and_puts_all_back rollout/test_drain.py::test_stopped_at_once_while_it_waits_a_host_that_was_not_touched_is_put_back
HAProxy | an error has no exit code, success is an empty line | rollout/test_haproxy.py::test_a_real_one_answers_so
HAProxy | a drained server that is down is shown as DOWN, and its drain is forgotten | rollout/test_haproxy.py::test_how_a_server_is rollout/test_drain.py::test_what_somebody_took_out_before_is_left_so
HAProxy | its status varies (DRAIN 1/3, MAINT (via x), no check) | rollout/test_haproxy.py::test_how_a_server_is
HAProxy | a weight of 0 is up and serves nobody | rollout/test_haproxy.py::test_a_weight_of_0_serves_nobody
Ansible#82267, #6781, proposals#133, #33672 | no absolute budget for the whole run | rollout/test_deploy.py::test_a_budget_of_one_failure_lets_one_host_fail rollout/test_roll.py::test_the_gate
Centurion#180 | which hosts did and which did not? | rollout/test_retry.py::test_the_printed_command_does_the_rest_and_the_log_shows_the_tie rollout/test_deploy.py::test_a_failure_in_a_later_batch_leaves_a_part_done
deploy-rs#80 | those that succeeded are not taken back when a later one fails | rollout/test_gates.py::test_auto_rollback_takes_the_good_hosts_back_with_the_bad_one
Kamal#681, #707 | a percentage rounds to no host | rollout/test_batches.py::test_a_percentage_never_rounds_to_zero
Kamal#399 | reconnection storms | fleet/test_fanout.py::test_connections_are_kept_between_commands
Kamal#1587, #1553 | it hangs and does not say what it waits for | cli/test_terminal_session.py::test_the_table_says_what_each_host_does_and_for_how_long
mina#679, #653, #553, Capistrano#1390, lest#5 | what, who, when, which commit, where, and read it back | cli/test_log.py::test_a_line_tells_who_did_what_where_why_and_what_came_of_it
shipitjs#134 | the commits of a deploy are not listed | rollout/test_deploy.py::test_a_first_version_and_a_second_reach_every_host rollout/test_git.py::test_the_commits_between_two_are_listed_newest_first
Shipit#458 | "anonymous deploys" | rollout/test_status.py::test_what_another_changelog_knows_is_unrecorded_here rollout/test_status.py::test_a_change_by_hand_is_drift
Samson#1892 | who cancelled? | rollout/test_interrupt.py::test_once_finishes_the_batch_and_stops
ARA#556, #565, #26 | after Ctrl-C a run is running for ever | rollout/test_interrupt.py::test_thrice_leaves_at_once_and_the_log_shows_it_unfinished rollout/test_status.py::test_a_killed_rollout_is_shown_as_unfinished
ARA#191 | a run cannot be resumed under its id | rollout/test_resume.py::test_the_same_engineer_finishes_what_a_killed_run_began rollout/test_killed.py::test_killed_at_any_step_a_rollout_is_completed_by_resume
ARA#394 | tokens are recorded | rollout/test_secrets.py::test_a_command_that_says_it_and_fails_is_redacted rollout/test_recorder.py::test_no_secret_is_recorded
ara-archive#124 | a recorder that fails breaks the deploy | rollout/test_rollback.py::test_a_full_disk_does_not_stop_a_rollback rollout/test_recorder.py::test_later_failures_are_kept_as_an_error_and_raise_nothing
Kamal#51, hipchat-rb#22, slack-notify#5, boss#124, deis#1209 | nobody is told when a deploy fails | changelog/test_hooks.py::test_slack_gets_one_line_of_text_that_calls_nobody
pyinfra#1662 | no JSON | rollout/test_told.py::test_one_document_on_standard_output_and_progress_on_the_other
Samson#3423 | when the monitor alarms, nobody can choose between rollback and failure | rollout/test_gates.py::test_the_operator_can_overrule_the_configuration
Kamal, Capistrano | the history of a host dies with it, and lines of one run cannot be joined | cli/test_log.py::test_one_rollout_is_opened_by_the_start_of_its_id rollout/test_witness.py::test_receipts_that_were_lost_are_told_until_a_rollout_leaves_one_again
Kamal | anybody lets go of anybody's lock, and nothing is left of it | cli/test_unlock.py::test_who_was_robbed_is_refused_by_the_hosts rollout/test_together.py::test_two_at_the_same_moment_are_never_both_let_in
Capistrano, Deployinator | only what went well is recorded | rollout/test_recorder.py::test_it_is_durable_before_start_returns rollout/test_report.py::test_the_outcome_of_a_run
ARA | the version that was deployed is not in the record | rollout/test_recorder.py::test_a_run_stands_in_the_changelog
ARA, everybody | what a laptop did offline stays there | cli/test_sharing.py::test_what_one_writes_is_in_the_next_command_of_the_other
Shipit | no view of each host | cli/test_log.py::test_json_holds_all_of_a_rollout
everybody | no id of the run on the host, no times of each step, no version before | rollout/test_scripts.py::test_the_switch_leaves_the_receipt_and_makes_the_release_live rollout/test_report.py::test_a_result_as_it_is_recorded
everybody | what was altered afterwards is not seen | changelog/test_verify.py::test_any_flipped_bit_is_found
everybody | two laptops' histories cannot be brought together | changelog/test_any_order.py::test_whatever_comes_first_people_are_told_the_same
"""
