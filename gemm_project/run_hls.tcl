# Written by tracealloc. Run with: vitis_hls -f run_hls.tcl
# TRACEALLOC_STEPS names the steps: any of csim, csynth, cosim, export (default: csim csynth).
set steps "csim csynth"
if {[info exists ::env(TRACEALLOC_STEPS)]} { set steps $::env(TRACEALLOC_STEPS) }

open_project -reset gemm_hls
set_top gemm
add_files gemm.cpp -cflags "-std=c++14 -fwrapv -ffp-contract=off"
add_files -tb gemm_tb.cpp -cflags "-std=c++14 -fwrapv -ffp-contract=off -DTRACEALLOC_ULP=0"
add_files -tb data
open_solution -reset solution1 -flow_target vivado
set_part xcu280-fsvh2892-2L-e
create_clock -period 3.333 -name default

foreach step $steps {
  switch $step {
    csim { csim_design }
    csynth { csynth_design }
    cosim { cosim_design }
    export { export_design -format ip_catalog }
    default { error "unknown step $step" }
  }
}
exit
