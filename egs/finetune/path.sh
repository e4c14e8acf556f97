# shellcheck shell=bash source-path=SCRIPTDIR source=../../path.sh
. "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/../../path.sh"
