// SPDX-License-Identifier: MIT
// All 4,096 inputs of the popcount; the last line is PASS, or FAIL and how many were wrong.
module tb;
  parameter STYLE = 0, GROUP = 3;
  reg [11:0] x;
  wire [3:0] n;
  popcount #(.STYLE(STYLE), .GROUP(GROUP)) device(x, n);
  integer i, j, want, wrong;
  initial begin
    wrong = 0;
    for (i = 0; i < 4096; i = i + 1) begin
      x = i[11:0];
      want = 0;
      for (j = 0; j < 12; j = j + 1)
        want = want + ((i >> j) & 1);
      #1 if (n !== want[3:0]) wrong = wrong + 1;
    end
    if (wrong == 0) $display("PASS"); else $display("FAIL %0d", wrong);
    $finish;
  end
endmodule
