// SPDX-License-Identifier: MIT
// math.h - elementary functions that give the same bits everywhere.
//
// Double precision, built from +, -, *, /, fma and sqrt only (IEEE-exact on
// every machine, with or without hardware FMA, compiled with
// -ffp-contract=off), so that a digest never depends on the libm, on its
// run-time dispatch or on the CPU.  Accuracy in ulp stands beside each function
// (the worst seen, rounded up; results that are subnormal: 1), tested against
// libm's long double.  Special values as in C99 Annex F.
//
// Threads    Any; pure.

#ifndef COMMON_MATH_H
#define COMMON_MATH_H

double math_exp(double x);           // 0.6
double math_exp2(double x);          // 0.6
double math_expm1(double x);         // 1
double math_log(double x);           // 0.6
double math_log2(double x);          // 0.6
double math_log10(double x);         // 0.6
double math_log1p(double x);         // 0.8
double math_pow(double x, double y); // 0.6
double math_sin(double x);           // 0.8, for every argument
double math_cos(double x);           // 0.8, for every argument
double math_tan(double x);           // 1.1, for every argument
double math_tanh(double x);          // 2.3
double math_atan(double x);          // 0.6
double math_erf(double x);           // 2
double math_erfc(double x);          // 8
double math_probit(double p);        // 8; inverse of the standard normal distribution function
double math_lgamma(double x);        // 8; x > 0
double math_sqrt(double x);          // IEEE, correctly rounded
double math_fma(double x, double y, double z); // IEEE, correctly rounded, also without hardware

#endif
