#!/bin/sh
# Makes, or completes, the reference rows in benchmarks/results: run it from the root of
# the repository, interrupted as often as need be. Finished row groups are not run again.
#
#   sh benchmarks/reference.sh [DATA]
#
# DATA is the folder of mnist.npz and usps.npz; without it the digits are left out.
set -eu

data=${1:-}
out=benchmarks/results
command=${DA_ZOO:-.venv/bin/da-zoo}
founding=source_only,target_only,pooled,fine_tuning,linear_probe,partial_freezing
founding=$founding,lp_ft,adabn,ddc,dan,deep_coral,dann

# Every method of the registry, defaults, five seeds.
$command bench --suite embedded --budget quick --out $out/embedded

# Eight configurations a method on the two scenarios of case 3, with checkpoints, so that
# criteria can choose among them. Checkpoints are not published, so that where they were
# judged already, in another clone, nothing is run again.
standard=$out/embedded_standard
if [ ! -f $standard/selection.json ]; then
    $command bench --suite embedded --budget standard \
        --scenarios plain_to_over07,plain_to_rot30 --methods "$founding" \
        --checkpoints --out $standard
    $command select $standard
fi

if [ -n "$data" ]; then
    # Real digits, twelve methods and the oracle, three seeds.
    methods=source_only,adabn,ddc,dan,deep_coral,dann,cdan_e,mcd,mcc,shot,afn,jan
    $command bench --suite digits --data "$data" --scenarios mnist_to_usps --tracks U \
        --seeds 3 --methods $methods --out $out/digits
    $command bench --suite digits --data "$data" --scenarios mnist_to_usps --tracks F \
        --label-fractions 1 --seeds 3 --methods target_only --out $out/digits
fi

# All embedded scenarios at four shares of labels.
$command bench --suite embedded_full --budget quick --methods "$founding" \
    --out $out/embedded_full
