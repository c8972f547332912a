// SPDX-License-Identifier: MIT
// How many of twelve bits are set, in several ways.
//   STYLE 0  the operator +, for yosys to make adders of
//   STYLE 1  groups of GROUP bits (2, 3, 4 or 6), one bit after the other, then the groups
//   STYLE 2  a tree of full and half adders
//   STYLE 3  STYLE 0 that forgets the last bit: smaller, and wrong
module popcount #(parameter STYLE = 0, parameter GROUP = 3) (input [11:0] x, output [3:0] n);
  genvar i, j;
  generate
    if (STYLE == 0 || STYLE == 3) begin : chain
      localparam N = STYLE == 3 ? 11 : 12;
      wire [3:0] sum[0:N];
      assign sum[0] = 4'd0;
      for (i = 0; i < N; i = i + 1) begin : bits
        assign sum[i + 1] = sum[i] + x[i];
      end
      assign n = sum[N];
    end else if (STYLE == 1) begin : groups
      localparam G = 12 / GROUP;
      wire [3:0] sum[0:G];
      assign sum[0] = 4'd0;
      for (i = 0; i < G; i = i + 1) begin : group
        wire [3:0] part[0:GROUP];
        assign part[0] = 4'd0;
        for (j = 0; j < GROUP; j = j + 1) begin : bits
          plus p(part[j], {3'd0, x[i * GROUP + j]}, part[j + 1]);
        end
        plus p(sum[i], part[GROUP], sum[i + 1]);
      end
      assign n = sum[G];
    end else begin : tree
      wire [3:0] s1, c1;
      for (i = 0; i < 4; i = i + 1) begin : ones
        full f(x[3 * i], x[3 * i + 1], x[3 * i + 2], s1[i], c1[i]);
      end
      wire s2, c2, c3, s4, s5, c4, c5, c6;
      full a(s1[0], s1[1], s1[2], s2, c2);
      full b(s2, s1[3], 1'b0, n[0], c3);
      full c(c1[0], c1[1], c1[2], s4, c4);
      full d(c1[3], c2, c3, s5, c5);
      full e(s4, s5, 1'b0, n[1], c6);
      full f(c4, c5, c6, n[2], n[3]);
    end
  endgenerate
endmodule

module plus (input [3:0] a, input [3:0] b, output [3:0] sum);
  wire [4:0] carry;
  genvar i;
  assign carry[0] = 1'b0;
  generate
    for (i = 0; i < 4; i = i + 1) begin : bits
      full f(a[i], b[i], carry[i], sum[i], carry[i + 1]);
    end
  endgenerate
endmodule

module full (input a, input b, input c, output sum, output carry);
  assign sum = a ^ b ^ c;
  assign carry = (a & b) | (c & (a ^ b));
endmodule
