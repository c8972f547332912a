// SPDX-License-Identifier: MIT
#include "cluster/client/job_text.h"

#include "cluster/client/show.h"
#include "common/yaml.h"

enum error job_text(struct caller *c,
                    const char *job,
                    struct arena *a,
                    struct value *reply,
                    struct value *spec,
                    struct errtext *t)
{
    struct value args = value_map();
    (void)value_set(a, &args, "job", value_str(a, job));
    enum error e = caller_call(c, "file", &args, a, reply, t);
    const struct value *text = e ? NULL : value_find(reply, "text");
    if (e)
        return e;
    if (!text || text->type != VALUE_STR)
        return errtext_set(t, ERR_PROTO, "the job's file makes no sense");
    return yaml_parse(text->s, text->n, show_text(reply, "file"), a, spec, t);
}
