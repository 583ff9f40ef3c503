# SPDX-License-Identifier: GPL-2.0
# gnuplot -e "data='FILE'; name='MODE'" plot.gp: rates by size, on standard output
set terminal svg size 900,500 font "sans,13" background "white"
set title name . ": one way, MB/s by bytes of a message"
set logscale x 2
set logscale y 10
set grid
set key outside right
set datafile missing "?"
set xlabel "bytes"
set ylabel "MB/s"
stats data skip 1 nooutput
plot for [i=2:STATS_columns] data using 1:i with linespoints linewidth 2 title columnheader(i)
