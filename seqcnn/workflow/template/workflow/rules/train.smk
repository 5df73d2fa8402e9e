# Data to models, and how good these are on data that they have not seen.
#
# Snakemake removes the outputs of a job that was killed, and seqcnn writes each file whole or not at all, so --force
# replaces nothing that counts. A training goes on from its checkpoint, which is no output and so is left alone.


rule encode:
    input:
        data=lambda wildcards: samples[wildcards.sample]["data"],
        genome=genome_of,
    output:
        "results/{sample}/train.h5",
    log:
        "logs/encode/{sample}.log",
    benchmark:
        "benchmarks/encode/{sample}.tsv"
    params:
        genome=lambda wildcards, input: f"--genome {input.genome}" if input.genome else "",
        more=options("encode", column="encode"),
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn encode {input.data} {params.genome} {params.more} --force -o {output} 2> {log}"


use rule encode as encode_test with:
    input:
        data=lambda wildcards: samples[wildcards.sample]["test_data"],
        genome=genome_of,
    output:
        "results/{sample}/test.h5",
    log:
        "logs/encode/{sample}.test.log",
    benchmark:
        "benchmarks/encode/{sample}.test.tsv"


rule train:
    input:
        "results/{sample}/train.h5",
    output:
        model="results/{sample}/model/model.safetensors",
        history="results/{sample}/model/history.tsv",
        metrics="results/{sample}/model/metrics.json",
        held_out="results/{sample}/model/held_out.tsv",
        record="results/{sample}/model/run.json",
    log:
        "logs/train/{sample}.log",
    benchmark:
        "benchmarks/train/{sample}.tsv"
    params:
        folder=subpath(output.model, parent=True),
        test=given("--test-chroms", "test_chroms"),
        more=options("train", column="train"),
        # Several GPUs of one machine share a training: `--set-resources train:gpu=4`.
        seqcnn=lambda wildcards, resources: (
            f"torchrun --standalone --nproc-per-node {resources.gpu} -m seqcnn" if resources.gpu > 1 else "seqcnn"
        ),
    wildcard_constraints:
        sample=any_of(made_by("train")),
    threads: 2
    resources:
        mem_mb=8000,
        runtime="4h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "{params.seqcnn} train {input} {params.test} {params.more} --threads {threads} --resume"
        " -o {params.folder} 2> {log}"


rule calibrate:
    input:
        "results/{sample}/train.h5",
    output:
        model="results/{sample}/model/model.safetensors",
        history="results/{sample}/model/history.tsv",
        metrics="results/{sample}/model/metrics.json",
        held_out="results/{sample}/model/held_out.tsv",
        record="results/{sample}/model/run.json",
        table="results/{sample}/model/trials.tsv",
        picture="results/{sample}/model/trials.png",
        trials=directory("results/{sample}/model/trials"),
    log:
        "logs/calibrate/{sample}.log",
    benchmark:
        "benchmarks/calibrate/{sample}.tsv"
    params:
        folder=subpath(output.model, parent=True),
        test=given("--test-chroms", "test_chroms"),
        more=options("calibrate", column="train"),
    wildcard_constraints:
        sample=any_of(made_by("calibrate")),
    threads: 2
    resources:
        mem_mb=8000,
        runtime="12h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn calibrate {input} {params.test} {params.more} --threads {threads} --resume"
        " -o {params.folder} 2> {log}"


rule evaluate:
    input:
        model="results/{sample}/model/model.safetensors",
        data=lambda wildcards: (
            "results/{sample}/test.h5" if samples[wildcards.sample].get("test_data") else "results/{sample}/train.h5"
        ),
    output:
        "results/{sample}/evaluation.json",
    log:
        "logs/evaluate/{sample}.log",
    benchmark:
        "benchmarks/evaluate/{sample}.tsv"
    params:
        chroms=given("--chroms", "test_chroms"),
        more=options("evaluate"),
    threads: 1
    resources:
        mem_mb=4000,
        runtime="1h",
        gpu=0,
    conda:
        "../envs/seqcnn.yaml"
    shell:
        "seqcnn evaluate {input.model} {input.data} {params.chroms} {params.more} --threads {threads} --force"
        " --quiet -o {output} > {log} 2>&1"
