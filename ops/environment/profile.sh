# Lives at /etc/profile.d/blot.sh: what a person's shell knows of this machine's Blot. Everybody can read it: no secret belongs here.
export BLOT_CACHE=true
