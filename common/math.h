// SPDX-License-Identifier: MIT
// math.h - elementary functions that give the same bits everywhere.
//
// Double precision, built from +, -, *, /, fma and sqrt only (IEEE-exact on
// every machine, with or without hardware FMA, compiled with
// -ffp-contract=off), so that a digest never depends on the libm, on its
// run-time dispatch or on the CPU.  Accuracy: stated per function in ulp,
// tested against libm.  Special values as in C99 Annex F.
//
// Threads    Any; pure.

#ifndef COMMON_MATH_H
#define COMMON_MATH_H

double math_exp(double x);
double math_exp2(double x);
double math_expm1(double x);
double math_log(double x);
double math_log2(double x);
double math_log10(double x);
double math_log1p(double x);
double math_pow(double x, double y);
double math_sin(double x);
double math_cos(double x);
double math_tan(double x);
double math_tanh(double x);
double math_atan(double x);
double math_erf(double x);
double math_erfc(double x);
double math_probit(double p);   // inverse of the standard normal distribution function
double math_lgamma(double x);   // x > 0
double math_sqrt(double x);     // IEEE, correctly rounded
double math_fma(double x, double y, double z); // IEEE, correctly rounded, also without hardware

#endif
