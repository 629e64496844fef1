//go:build linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// tripFigures are of the round trips over one stream.
type tripFigures struct{ tenth, median, ninth time.Duration }

var tripColumns = []figure[tripFigures]{
	{"a tenth below ms", "%.2f", func(f tripFigures) float64 { return f.tenth.Seconds() * 1000 }},
	{"half below ms", "%.2f", func(f tripFigures) float64 { return f.median.Seconds() * 1000 }},
	{"nine tenths below ms", "%.2f", func(f tripFigures) float64 { return f.ninth.Seconds() * 1000 }},
}

// Round trips are measured in turns, i2pd's and ours, over streams that stand side by side: what disturbs one
// disturbs the other as well.
const (
	tripTurns   = 8
	tripsInTurn = 50
)

// allTrips measures them round after round, each over streams and tunnels of its own, and prints the medians.
func (b *doorBench) allTrips(ctx context.Context, rounds int) {
	for _, hops := range []int{0, doorHops} {
		for door, name := range []string{"SAM", "I2CP"} {
			results := make([][]tripFigures, 2)
			for round := range rounds {
				var both [][2]tripFigures
				note(ctx, b, &both, round, fmt.Sprintf("%s, %d hops", name, hops), func(ctx context.Context) ([2]tripFigures, error) { return b.trips(ctx, door == 1, hops) })
				for _, f := range both {
					results[0], results[1] = append(results[0], f[0]), append(results[1], f[1])
				}
			}
			fmt.Printf("round trips through %s, %d hops: %s", name, hops, medians([]string{"i2pd", "ours"}, "i2pd", tripColumns, results))
		}
	}
}

// trips measures the round trips through the doors of both kinds, by SAM or I2CP.
func (b *doorBench) trips(ctx context.Context, i2cp bool, hops int) ([2]tripFigures, error) {
	var figures [2]tripFigures
	var streams [2]Stream
	for kind := range streams {
		options := TunnelOptions(hops, doorTunnels)
		var end func()
		var err error
		if i2cp {
			options["i2cp.messageReliability"], options["i2cp.fastReceive"] = "none", "true"
			streams[kind], end, err = i2cpPair(ctx, doorAt{b.n.Namespace, b.ends[kind][0].i2cp}, doorAt{b.n.Namespace, b.ends[kind][1].i2cp}, options, Serve)
		} else {
			streams[kind], end, err = samPair(ctx, doorAt{b.n.Namespace, b.ends[kind][0].sam}, doorAt{b.n.Namespace, b.ends[kind][1].sam}, options, Serve)
		}
		if err != nil {
			return figures, err
		}
		defer end()
	}
	var took [2][]time.Duration
	for range tripTurns {
		for kind, s := range streams {
			for range tripsInTurn {
				d, err := Ping(ctx, s)
				if err != nil {
					return figures, errors.Join(err, ctx.Err())
				}
				took[kind] = append(took[kind], d)
			}
		}
	}
	for kind := range took {
		all := took[kind]
		slices.Sort(all)
		figures[kind] = tripFigures{all[len(all)/10], all[len(all)/2], all[len(all)*9/10]}
	}
	return figures, nil
}
