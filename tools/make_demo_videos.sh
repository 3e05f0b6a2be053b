#!/bin/sh
# Paints the demo's two videos, sim/task_api/media/sunrise.mp4 and waves.mp4: 4 s each, 480x270, H.264, no audio.
# Every pixel is a formula of place and time (ffmpeg's geq filter), so nothing in them belongs to anyone else.
# Needs ffmpeg with libx264 (Debian: apt-get install ffmpeg). Takes a minute or two.
set -eu

out="$(cd "$(dirname "$0")/.." && pwd)/sim/task_api/media"
mkdir -p "$out"
seconds=4

# paint NAME RED GREEN BLUE: one video from three formulas, each 0..255.
# faststart puts the index first, so that a player can begin before it has the whole file.
paint() {
    ffmpeg -hide_banner -loglevel error -y \
        -f lavfi -i "color=black:size=480x270:rate=24:duration=$seconds,format=gbrp" \
        -vf "geq=r='$2':g='$3':b='$4',scale=out_color_matrix=bt709:out_range=tv,format=yuv420p" \
        -c:v libx264 -preset veryslow -crf 22 -profile:v high -level 3.0 \
        -colorspace bt709 -color_primaries bt709 -color_trc bt709 \
        -fflags +bitexact -flags:v +bitexact -map_metadata -1 -movflags +faststart \
        "$out/$1.mp4"
}

# One channel of the sunrise: the sky's top and foot before and after, what the sun's glow adds, the disc, three hills.
# Registers: 0 the morning's progress, eased to 0..1; 1 the distance from the sun; 2 the height in the sky; 3 the colour.
sunrise() {
    echo "st(0,(1-cos(PI*T/$seconds))/2);
        st(1,hypot(X-W*0.56,Y-H*lerp(0.88,0.36,ld(0))));
        st(2,clip(Y/(H*0.8),0,1));
        st(3,lerp(lerp($1,$2,ld(0)),lerp($3,$4,ld(0)),ld(2)*ld(2)));
        st(3,ld(3)+$5*(exp(-ld(1)/70)+0.35*exp(-ld(1)/190)));
        st(3,lerp(ld(3),$6,clip(31-ld(1),0,1)));
        st(3,lerp(ld(3),lerp($7,$7*1.5,ld(0)),clip(Y-H*0.70+16*sin(X/71+T*0.10+1)+7*sin(X/29+T*0.10),0,1)));
        st(3,lerp(ld(3),lerp($8,$8*1.5,ld(0)),clip(Y-H*0.80+13*sin(X/83+T*0.22+4)+5*sin(X/31+T*0.22),0,1)));
        st(3,lerp(ld(3),lerp($9,$9*1.5,ld(0)),clip(Y-H*0.90+12*sin(X/97+T*0.40+2)+4*sin(X/37+T*0.40),0,1)));
        clip(ld(3),0,255)" | tr -d '\n '
}

# One channel of the waves: the sky's top and foot, the moon, and six waves from the farthest to the nearest.
# Each wave runs a whole number of lengths in the film, so that it loops without a seam.
waves() {
    echo "st(0,2*PI*T/$seconds);
        st(3,lerp($1,$2,clip(Y/(H*0.55),0,1)));
        st(1,hypot(X-W*0.27,Y-H*0.26-3*sin(ld(0))));
        st(3,ld(3)+26*exp(-ld(1)/60));
        st(3,lerp(ld(3),$3,clip(24-ld(1),0,1)));
        st(3,lerp(ld(3),$4,clip(Y-H*0.47+9*sin(2*PI*X/W*1.6+ld(0))+4*sin(2*PI*X/W*3.1-ld(0)+1),0,1)));
        st(3,lerp(ld(3),$5,clip(Y-H*0.56+11*sin(2*PI*X/W*1.3-ld(0)+2)+4*sin(2*PI*X/W*2.7+ld(0)),0,1)));
        st(3,lerp(ld(3),$6,clip(Y-H*0.65+12*sin(2*PI*X/W*1.1+ld(0)+4)+5*sin(2*PI*X/W*2.3-ld(0)+3),0,1)));
        st(3,lerp(ld(3),$7,clip(Y-H*0.74+13*sin(2*PI*X/W*1.0-ld(0)+5)+5*sin(2*PI*X/W*2.1+ld(0)+1),0,1)));
        st(3,lerp(ld(3),$8,clip(Y-H*0.84+13*sin(2*PI*X/W*0.9+ld(0)+1)+5*sin(2*PI*X/W*1.9-ld(0)+2),0,1)));
        st(3,lerp(ld(3),$9,clip(Y-H*0.93+12*sin(2*PI*X/W*0.8-ld(0)+3)+4*sin(2*PI*X/W*1.7+ld(0)+5),0,1)));
        clip(ld(3),0,255)" | tr -d '\n '
}

paint sunrise \
    "$(sunrise 24 92 120 255 110 255 86 58 30)" \
    "$(sunrise 22 158 52 196 62 236 46 34 22)" \
    "$(sunrise 66 218 92 150 18 190 84 62 44)"
paint waves \
    "$(waves 38 250 255 118 74 44 24 14 8)" \
    "$(waves 34 176 244 196 164 132 100 70 44)" \
    "$(waves 96 150 226 196 182 164 142 116 84)"
ls -l "$out"
